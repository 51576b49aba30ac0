declare module 'autocannon' {
  interface Result {
    requests: { total: number };
    duration: number;
    latency: { p99: number };
    non2xx: number;
    errors: number;
  }
  interface Options {
    url: string;
    connections: number;
    duration: number;
    overallRate?: number;
    timeout: number;
    method: string;
    body: string;
    setupClient: (client: { setRequests(requests: { headers: Record<string, string> }[]): void }) => void;
  }
  export default function autocannon(options: Options): Promise<Result>;
}
