/** What a scope lets an app do, in the words of the person who decides. */
const DESCRIPTIONS: Record<string, string> = {
  email: 'See your e-mail address',
  profile: 'See your name',
  'llm.inference': 'Ask language models and spend your credits',
  'models.read': 'See which models you can use',
  'user.info': 'See and change your account',
  'credits.read': 'See your credits and what they were used for',
  'usage.read': 'See your usage',
  admin: 'Operate this service, if you are an operator',
};

/** Null for scopes that say nothing to a person. */
export function describeScope(scope: string): string | null {
  return DESCRIPTIONS[scope] ?? null;
}
