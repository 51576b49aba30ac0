import type { EntityManager } from '@mikro-orm/postgresql';
import type { FallbackRules } from '../src/analysis/domain/fallback-rules.js';
import { AnalysisKind } from '../src/analysis/kinds/analysis-kind.entity.js';

interface SeededKind {
  kind: string;
  prompt: string;
  properties: Record<string, object>;
  fallback: FallbackRules;
}

const MODEL_ID = 'gpt-5-nano';

const KINDS: readonly SeededKind[] = [
  {
    kind: 'sentiment',
    prompt:
      'You read an entry of a personal journal. Judge the mood it was written in: sentiment, and a score from -1 (very negative) to 1 (very positive). ' +
      'Name up to five themes of the entry, each in one or two lower-case words.',
    properties: {
      sentiment: { type: 'string', enum: ['positive', 'neutral', 'negative'] },
      score: { type: 'number', minimum: -1, maximum: 1 },
      themes: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 60 } },
    },
    fallback: {
      strategy: 'sentiment',
      positive: [
        'happy',
        'good',
        'great',
        'glad',
        'love',
        'loved',
        'proud',
        'calm',
        'grateful',
        'fun',
        'hope',
        'better',
        'enjoyed',
        'relaxed',
      ],
      negative: [
        'sad',
        'bad',
        'tired',
        'angry',
        'afraid',
        'worried',
        'stress',
        'stressed',
        'lonely',
        'pain',
        'hate',
        'worse',
        'upset',
        'anxious',
      ],
      themes: {
        work: ['work', 'job', 'boss', 'office', 'meeting', 'project', 'colleague', 'colleagues'],
        family: ['family', 'mother', 'father', 'mom', 'dad', 'sister', 'brother', 'children', 'son', 'daughter'],
        health: ['health', 'sleep', 'doctor', 'sick', 'exercise', 'run', 'running', 'headache'],
        friends: ['friend', 'friends', 'party', 'dinner'],
        money: ['money', 'rent', 'salary', 'bill', 'bills', 'debt'],
      },
    },
  },
  {
    kind: 'summary',
    prompt:
      'Summarise the text in at most three sentences, in the language of the text. List up to five key points, each a short phrase. Add nothing that the text does not say.',
    properties: {
      summary: { type: 'string', minLength: 1, maxLength: 2_000 },
      keyPoints: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 300 } },
    },
    fallback: { strategy: 'leading_sentences', sentences: 3 },
  },
  {
    kind: 'classification',
    prompt:
      'Decide what the message is about: billing (prices, invoices, refunds), technical (errors, crashes, how something works), account (sign-in, profile, privacy), ' +
      'praise, or other. Give the reason in one short sentence.',
    properties: {
      label: { type: 'string', enum: ['billing', 'technical', 'account', 'praise', 'other'] },
      reason: { type: 'string', maxLength: 500 },
    },
    fallback: {
      strategy: 'keywords',
      labels: {
        billing: ['invoice', 'refund', 'price', 'charge', 'charged', 'payment', 'credits', 'subscription'],
        technical: ['error', 'crash', 'crashes', 'bug', 'slow', 'broken', 'install', 'update'],
        account: ['password', 'login', 'account', 'email', 'profile', 'delete'],
        praise: ['thanks', 'thank', 'love', 'great', 'awesome', 'perfect'],
      },
      otherwise: 'other',
    },
  },
];

/** The kinds of analysis that every installation begins with. Versions that operators have made stay. */
export async function seedAnalysisKinds(em: EntityManager, { now }: { now: Date }): Promise<void> {
  const known = new Set((await em.find(AnalysisKind, { version: 1 })).map(({ kind }) => kind));
  for (const { kind, prompt, properties, fallback } of KINDS) {
    if (known.has(kind)) continue;
    const outputSchema = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
    em.persist(
      em.create(AnalysisKind, { kind, version: 1, prompt, outputSchema, modelId: MODEL_ID, fallback, createdAt: now }),
    );
  }
  await em.flush();
}
