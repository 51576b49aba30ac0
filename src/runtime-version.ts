const NODE_MAJOR_MIN = 26;

/** Ends the process with one sentence when Node is too old. `npm start` never meets this: it brings its own. */
export function assertRuntime(version: string): void {
  const complaint = complaintAbout(version);
  if (complaint === undefined) return;
  process.stderr.write(`${complaint}\n`);
  process.exit(1);
}

function complaintAbout(version: string): string | undefined {
  const major = Number(/^v(\d+)/.exec(version)?.[1]);
  if (major >= NODE_MAJOR_MIN) return undefined;
  return `This is Node ${version.slice(1)}; Tollgate needs ${NODE_MAJOR_MIN} or newer. Start it with "npm start", which brings its own Node.`;
}
