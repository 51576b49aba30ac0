/** What is measured of this server apart, each with all before it, and where the layer server answers it. */
export const LAYERS: Record<string, string> = {
  '+ auth': '/bench/auth',
  '+ constraints': '/bench/constraints',
  '+ hold and settle': '/bench/hold',
};
