declare module 'autocannon' {
  interface Result {
    requests: { total: number };
    duration: number;
    latency: { p50: number; p99: number };
    non2xx: number;
    errors: number;
  }
  interface Options {
    url: string;
    connections: number;
    duration: number;
    overallRate?: number;
    method: string;
    body: string;
    setupClient: (client: { setHeaders(headers: Record<string, string>): void }) => void;
  }
  export default function autocannon(options: Options): Promise<Result>;
}
