import { inputBoundTokens } from '../credits/domain/hold-estimate.js';
import type { ChatCompletionBody } from './wire/chat-completion.js';
import type { ChatMessage, ImagePart } from './wire/chat-message.js';

/** Where in the body of the caller an image stands. */
export interface ImagePlace {
  param: string;
  /** Where its address or its data stands. */
  addressParam: string;
}

/** A part of the prompt that is an image. */
export interface PromptImage extends ImagePlace {
  part: ImagePart;
  /** The most that it counts for the model it is sent to, once it was measured. */
  tokens?: number;
  /** Whether that is what it counts, and not only the most that any does. */
  isSizeKnown?: boolean;
}

/** A prompt taken apart: what counts as text, as structure and as images. */
export interface Prompt {
  messageCount: number;
  /** Every text of the messages that the model reads, tool calls as JSON included. */
  texts: string[];
  /** Tools and the response schema, as JSON. */
  schemas: string[];
  images: PromptImage[];
  hasTools: boolean;
}

/**
 * Takes a chat body apart, in one pass.
 * @param imagePaths Where images stood in the body that the caller sent, if that is another place than here.
 */
export function readPrompt(body: ChatCompletionBody, imagePaths?: ReadonlyMap<ImagePart, ImagePlace>): Prompt {
  const prompt: Prompt = { messageCount: body.messages.length, texts: [], schemas: [], images: [], hasTools: false };
  for (const [index, message] of body.messages.entries()) readMessage(message, index, prompt);
  if (imagePaths) for (const image of prompt.images) Object.assign(image, imagePaths.get(image.part));
  if (body.tools?.length) {
    prompt.hasTools = true;
    prompt.schemas.push(JSON.stringify(body.tools));
  }
  if (body.response_format?.type === 'json_schema') prompt.schemas.push(JSON.stringify(body.response_format));
  return prompt;
}

function readMessage(message: ChatMessage, index: number, prompt: Prompt): void {
  if ('name' in message && message.name) prompt.texts.push(message.name);
  if (message.role === 'tool') prompt.texts.push(message.tool_call_id);
  if (message.role === 'assistant') {
    if (message.refusal) prompt.texts.push(message.refusal);
    if (message.reasoning_content) prompt.texts.push(message.reasoning_content);
    // Sealed thinking is longer than what can be read of it, and the provider counts the whole.
    if (message.thinking_blocks?.length) prompt.texts.push(JSON.stringify(message.thinking_blocks));
    if (message.tool_calls?.length) prompt.texts.push(JSON.stringify(message.tool_calls));
  }
  if (typeof message.content === 'string') prompt.texts.push(message.content);
  if (!Array.isArray(message.content)) return;
  for (const [position, part] of message.content.entries()) {
    if (part.type === 'text') prompt.texts.push(part.text);
    else if (part.type === 'refusal') prompt.texts.push(part.refusal);
    else prompt.images.push({ ...placeOf(`messages[${index}].content[${position}]`), part });
  }
}

function placeOf(param: string): ImagePlace {
  return { param, addressParam: `${param}.image_url.url` };
}

export interface BoundTerms {
  /** What the provider adds to a request with tools. */
  toolPromptTokens: number;
  /** What an image counts that was not measured. */
  imageTokensMax: number;
}

/** An upper bound of the input tokens that needs no tokenizer: bytes of all texts and schemas, and the images at their most. */
export function inputBound(prompt: Prompt, terms: BoundTerms): number {
  return countedBound(prompt, { texts: bytesOf(prompt.texts), schemas: bytesOf(prompt.schemas) }, terms);
}

/** The same with what a tokenizer counted in place of the bytes. */
export function countedBound(prompt: Prompt, counted: { texts: number; schemas: number }, terms: BoundTerms): number {
  return inputBoundTokens({
    textBytes: counted.texts,
    schemaBytes: counted.schemas,
    messageCount: prompt.messageCount,
    toolPromptTokens: prompt.hasTools ? terms.toolPromptTokens : 0,
    imageTokens: imageTokensOf(prompt, terms),
  });
}

/** What all images of a prompt count at most. */
export function imageTokensOf({ images }: Prompt, { imageTokensMax }: Pick<BoundTerms, 'imageTokensMax'>): number {
  return images.reduce((sum, { tokens }) => sum + (tokens ?? imageTokensMax), 0);
}

/**
 * What of an input is images for certain: those of which the size is known, and of the others what is left beside as many tokens as the text
 * can have.
 */
export function certainImageTokens(prompt: Prompt, terms: BoundTerms, inputTokens: number): number {
  const expected = imageTokensOf(prompt, terms);
  const known = imageTokensOf({ ...prompt, images: prompt.images.filter(({ isSizeKnown }) => isSizeKnown) }, terms);
  const textMax = inputBound(prompt, terms) - expected;
  return Math.max(known, Math.min(expected, inputTokens - textMax));
}

function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text, 'utf8'), 0);
}
