import { Algorithm, hash, verify } from '@node-rs/argon2';
import { Injectable } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { PasswordQueueFullError } from '../auth.errors.js';

/** About 80 ms on one core; above the floor for Argon2id in ASVS 5.0 appendix C. */
const PARAMETERS = { memoryCost: 64 * 1024, timeCost: 3, parallelism: 1 };
/** The cheapest the algorithm takes, so that tests measure behaviour and not hashing. */
const TEST_PARAMETERS = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/** Each hash holds 64 MiB and a core: more at once would starve the requests beside them. */
const CONCURRENT_MAX = 4;
/** About a second and a half of work; who comes later is better told to come again. */
const QUEUE_MAX = 64;

@Injectable()
export class PasswordHasher {
  private readonly options: typeof PARAMETERS & { algorithm: Algorithm };
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  private decoy: Promise<string> | undefined;

  constructor(config: Config) {
    // const enum member, written out because `isolatedModules` tools cannot see through it: 2 is Argon2id.
    this.options = { ...(config.nodeEnv === 'test' ? TEST_PARAMETERS : PARAMETERS), algorithm: 2 as Algorithm };
  }

  /** @throws PasswordQueueFullError when too many wait already. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, this.options));
  }

  /**
   * Whether the password fits. Without a hash (no such user, no password set) a decoy is verified, so that the answer takes as long.
   * @throws PasswordQueueFullError when too many wait already.
   */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    this.decoy ??= hash('a password nobody has', this.options);
    const compared = passwordHash ?? (await this.decoy);
    const fits = await this.inTurn(() => verify(compared, password));
    return fits && passwordHash !== null;
  }

  /** Whether the hash was made with other parameters than those of today and should be made again at the next sign-in. */
  isOutdated(passwordHash: string): boolean {
    const { memoryCost, timeCost, parallelism } = this.options;
    return !passwordHash.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= CONCURRENT_MAX) {
      if (this.waiting.length >= QUEUE_MAX) throw new PasswordQueueFullError();
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      // The place is handed to the next in line, so `running` only falls when nobody waits.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}
