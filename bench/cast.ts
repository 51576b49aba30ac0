import { bareProxy, type Contender, type Mock, portkey, straight } from './contenders.js';
import { LAYERS } from './layers.js';
import { Tollgate } from './tollgate.js';

const PEERS: Record<string, (mock: Mock) => Promise<Contender>> = { straight, 'bare proxy': bareProxy, portkey };
const OWN = /^tollgate(?: × (\d))?$/;

/** Who takes part: started when they are needed first, ended when nobody needs them any more. */
export class Cast {
  private readonly present = new Map<string, Contender>();
  private tollgate: Tollgate | undefined;

  constructor(
    private readonly mock: Mock,
    private readonly say: (text: string) => void,
  ) {}

  /** Whether anybody took part who keeps books. */
  get hasBooks(): boolean {
    return this.tollgate !== undefined;
  }

  async take(names: readonly string[]): Promise<Contender[]> {
    for (const name of names) {
      if (this.present.has(name)) continue;
      this.say(`Starting ${name} …`);
      this.present.set(name, await this.start(name));
    }
    return names.map((name) => this.present.get(name)!);
  }

  async keepOnly(names: readonly string[]): Promise<void> {
    for (const [name, contender] of this.present) {
      if (names.includes(name)) continue;
      await contender.stop();
      this.present.delete(name);
    }
  }

  /** What is wrong with the books. */
  async check(): Promise<string[]> {
    return this.tollgate ? this.tollgate.check() : [];
  }

  async stop(): Promise<void> {
    await this.keepOnly([]);
    await this.tollgate?.stop();
  }

  private async start(name: string): Promise<Contender> {
    const peer = PEERS[name];
    if (peer) return peer(this.mock);
    const own = OWN.exec(name);
    if (!own && !(name in LAYERS)) {
      const names = [...Object.keys(PEERS), 'tollgate', 'tollgate × 2', ...Object.keys(LAYERS)];
      throw new Error(`There is no contender "${name}". There are: ${names.join(', ')}`);
    }
    this.tollgate ??= await Tollgate.start(this.mock);
    return own ? this.tollgate.contender(name, Number(own[1] ?? 1)) : this.tollgate.layer(name);
  }
}
