import type { JSONSchema7, LanguageModelV4CallOptions, LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { OUTPUT_LIMITS } from '../../../models/domain/constrained-parameters.js';
import type { ParameterConstraint, ParameterConstraints } from '../../../models/domain/parameter-constraint.js';
import { outputLimitToThink, thinkingBudget, type ThinkingTerms } from '../../domain/thinking-budget.js';
import type { ChatCompletionBody } from '../../wire/chat-completion.js';
import { ProviderRejection, type ProviderRequest } from '../chat-provider.js';
import { cachingOf, toPrompt } from './prompt-translation.js';

/** What no translated provider offers, and a value of each that stands for its absence. */
export const NEVER_OFFERED: Readonly<Record<string, unknown>> = {
  n: 1,
  logprobs: false,
  top_logprobs: null,
  logit_bias: null,
  verbosity: 'medium',
};

const NO_WORD_FOR_IT = 'The provider of this model does not offer this parameter';

/** These parameters as a model's constraints would say it; a value of null has nothing that stands for it. */
export function notOffered(values: Readonly<Record<string, unknown>>): ParameterConstraints {
  const entries = Object.entries(values).map(([name, value]): [string, ParameterConstraint] => {
    const isKnown = typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
    return [name, { supported: false, ...(isKnown && { default: value }), reason: NO_WORD_FOR_IT }];
  });
  return Object.fromEntries(entries);
}

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/**
 * The call as the provider libraries take it.
 * @throws ProviderRejection naming everything that the provider does not offer: a parameter is refused, never left out.
 */
export function toCallOptions({ body, parameters, traceparent }: ProviderRequest): LanguageModelV4CallOptions {
  refuseUnoffered(parameters);
  const number = (name: string) => parameters[name] as number | undefined;
  const stop = parameters['stop'] as string | string[] | undefined;
  const tools = (body.tools ?? []).map(toTool);
  return omitUndefined({
    prompt: toPrompt(body.messages),
    maxOutputTokens: outputLimitOf(parameters),
    temperature: number('temperature'),
    topP: number('top_p'),
    topK: number('top_k'),
    presencePenalty: number('presence_penalty') || undefined,
    frequencyPenalty: number('frequency_penalty') || undefined,
    seed: number('seed'),
    stopSequences: typeof stop === 'string' ? [stop] : stop,
    reasoning: effortOf(parameters),
    responseFormat: toResponseFormat(parameters['response_format'] as ChatCompletionBody['response_format']),
    tools: tools.length > 0 ? tools : undefined,
    toolChoice: tools.length > 0 ? toToolChoice(body.tool_choice) : undefined,
    headers: traceparent && { traceparent },
  }) as LanguageModelV4CallOptions;
}

/** The limit that the hold assumed; it is always among the parameters. */
export function outputLimitOf(parameters: Record<string, unknown>): number {
  for (const name of OUTPUT_LIMITS) if (typeof parameters[name] === 'number') return parameters[name];
  throw new Error('a request without an output limit');
}

/** How many tokens may be thought. @throws ProviderRejection where the output limit leaves no room for any. */
export function budgetOf(terms: ThinkingTerms): number {
  const budget = thinkingBudget(terms);
  if (budget !== null) return budget;
  const least = outputLimitToThink(terms.least);
  throw new ProviderRejection(`reasoning_effort needs an output limit of at least ${least} tokens`);
}

function refuseUnoffered(parameters: Record<string, unknown>): void {
  const isAbsent = (name: string) => parameters[name] === undefined || parameters[name] === NEVER_OFFERED[name];
  const unoffered = Object.keys(NEVER_OFFERED).filter((name) => !isAbsent(name));
  if (unoffered.length > 0) throw new ProviderRejection(`it does not offer ${unoffered.join(', ')}`);
}

/** How hard to think, where anything is asked for. @throws ProviderRejection for an effort that nobody knows. */
export function effortOf(parameters: Record<string, unknown>): (typeof EFFORTS)[number] | undefined {
  const asked = parameters['reasoning_effort'];
  if (asked === undefined) return undefined;
  const effort = EFFORTS.find((known) => known === asked);
  if (!effort) throw new ProviderRejection(`reasoning_effort must be one of ${EFFORTS.join(', ')}`);
  return effort;
}

function toTool(tool: NonNullable<ChatCompletionBody['tools']>[number]): LanguageModelV4FunctionTool {
  const { function: offered } = tool;
  return {
    type: 'function',
    name: offered.name,
    ...(offered.description !== undefined && { description: offered.description }),
    inputSchema: (offered.parameters ?? { type: 'object', properties: {} }) as JSONSchema7,
    ...(offered.strict && { strict: true }),
    ...cachingOf(tool),
  };
}

function toToolChoice(choice: ChatCompletionBody['tool_choice']): LanguageModelV4CallOptions['toolChoice'] {
  if (!choice) return undefined;
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.function.name };
}

function toResponseFormat(format: ChatCompletionBody['response_format']): LanguageModelV4CallOptions['responseFormat'] {
  if (!format || format.type === 'text') return undefined;
  if (format.type === 'json_object') return { type: 'json' };
  const { name, description, schema } = format.json_schema;
  return {
    type: 'json',
    name,
    ...(description !== undefined && { description }),
    ...(schema && { schema: schema as JSONSchema7 }),
  };
}

function omitUndefined(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
