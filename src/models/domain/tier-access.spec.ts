import { TIERS } from '../../common/domain/tiers.js';
import { decideTierAccess, type TierRule } from './tier-access.js';

describe('decideTierAccess', () => {
  it.each<[string, TierRule, string[]]>([
    ['a model without a tier', {}, ['free', 'pro', 'pro_max', 'enterprise']],
    ['a minimum', { requiredTier: 'pro_max' }, ['pro_max', 'enterprise']],
    ['an exact tier', { requiredTier: 'pro', tierRestrictionMode: 'exact' }, ['pro']],
    ['a whitelist', { tierRestrictionMode: 'whitelist', allowedTiers: ['free', 'enterprise'] }, ['free', 'enterprise']],
    ['a whitelist of nobody', { tierRestrictionMode: 'whitelist' }, []],
  ])('lets the right tiers use %s', (_case, rule, allowed) => {
    expect(TIERS.filter((tier) => decideTierAccess(rule, tier).allowed)).toEqual(allowed);
  });

  it('says what would be needed', () => {
    expect(decideTierAccess({ requiredTier: 'pro' }, 'free')).toEqual({
      allowed: false,
      mode: 'minimum',
      requiredTier: 'pro',
    });
    expect(decideTierAccess({ tierRestrictionMode: 'whitelist', allowedTiers: ['pro'] }, 'free')).toEqual({
      allowed: false,
      mode: 'whitelist',
      allowedTiers: ['pro'],
    });
  });
});
