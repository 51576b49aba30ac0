import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to the database on which a host may fall silent, as one that lost its power: nothing is answered, and nothing is closed. */
export class SilentWay {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly to: URL) {
    this.server = createServer((client) => {
      const database = connect(Number(to.port), to.hostname);
      for (const [one, other] of [
        [client, database],
        [database, client],
      ] as const) {
        this.sockets.add(one);
        one.on('data', (data: Buffer) => other.write(data));
        one.on('error', () => undefined);
        one.on('close', () => other.destroy());
      }
    });
  }

  static async to(url: string): Promise<SilentWay> {
    const way = new SilentWay(new URL(url));
    await new Promise<void>((resolve) => way.server.listen(0, '127.0.0.1', resolve));
    return way;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return Object.assign(new URL(this.to), { port: String(port) }).href;
  }

  /** What is connected now is heard no more; who comes later reaches the database, which is on another host by then. */
  fallSilent(): void {
    for (const socket of this.sockets) socket.removeAllListeners('data').resume();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
