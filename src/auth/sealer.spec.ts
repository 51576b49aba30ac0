import type { Config } from '../config/config.js';
import { Sealer } from './sealer.js';

const sealerWith = (fill: number): Sealer => new Sealer({ keyEncryptionKey: Buffer.alloc(32, fill) } as Config);

describe('a sealed secret', () => {
  const sealer = sealerWith(1);

  it('opens with the same key for the same context, and is sealed differently each time', () => {
    const sealed = sealer.seal('geheim ✓', 'table:1');
    expect(sealer.open(sealed, 'table:1')).toBe('geheim ✓');
    expect(sealed.toString('latin1')).not.toContain('geheim');
    expect(sealer.seal('geheim ✓', 'table:1').equals(sealed)).toBe(false);
  });

  it('T45 does not open in another row', () => {
    expect(() => sealer.open(sealer.seal('x', 'table:1'), 'table:2')).toThrow();
  });

  it('T45 does not open with another key, and says so', () => {
    expect(() => sealerWith(2).open(sealer.seal('x', 'table:1'), 'table:1')).toThrow('another KEY_ENCRYPTION_KEY');
  });

  it('does not open when a byte was changed or is missing', () => {
    const sealed = sealer.seal('secret', 'table:1');
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => sealer.open(changed, 'table:1')).toThrow();
      expect(() => sealer.open(sealed.subarray(0, index), 'table:1')).toThrow();
    }
  });
});
