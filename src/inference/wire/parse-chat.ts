import type { FieldError } from '../../common/errors/app-error.js';
import type { AppliedPreferences } from '../domain/chat-preferences.js';
import { IMAGES_MAX } from '../../models/domain/image-limits.js';
import { ChatCompletionBody, PRICE_CHANGING } from './chat-completion.js';
import type { ImagePlace } from '../prompt.js';
import type { ChatMessage, ImagePart } from './chat-message.js';
import { isPlainChat } from './plain-chat.js';
import { type BodyFaults, type BodyForm, readBody } from './read-body.js';
import { toolFaults, type ToolStep } from './tool-results.js';

export interface ParsedChat {
  body: ChatCompletionBody;
  /** Fields that were left out because the caller asked for that. */
  dropped: string[];
  /** Where images stood in the body that the caller sent, if that is another place than in `body`. */
  imagePaths?: ReadonlyMap<ImagePart, ImagePlace>;
  /** The answer is to have what was thought as its provider signed it. Asked for in dialects that leave it out otherwise. */
  sealsThinking?: boolean;
  /** What the user's preferences did, where they were asked. */
  preferred?: AppliedPreferences;
}

const FORM: BodyForm<ChatCompletionBody> = {
  schema: ChatCompletionBody,
  priceChanging: PRICE_CHANGING,
  check,
};

/**
 * Reads a body of Chat Completions.
 * @throws as `readBody` does.
 */
export function parseChat(raw: unknown, options: { dropUnsupported: boolean }): ParsedChat {
  return isPlainChat(raw) ? { body: raw, dropped: [] } : readBody(raw, FORM, options);
}

function check({ messages }: ChatCompletionBody): BodyFaults {
  let images = 0;
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content) if (part.type === 'image_url') images += 1;
  }
  return { failed: [...imageFaults(images, 'messages'), ...toolFaults(messages.flatMap(toolSteps))], unsupported: [] };
}

function toolSteps(message: ChatMessage, index: number): ToolStep[] {
  if (message.role === 'tool') {
    return [{ kind: 'result', id: message.tool_call_id, field: `messages[${index}].tool_call_id` }];
  }
  if (message.role !== 'assistant') return [];
  return (message.tool_calls ?? []).map(({ id }, position) => ({
    kind: 'call',
    id,
    field: `messages[${index}].tool_calls[${position}].id`,
  }));
}

/** What is wrong with so many images, whatever the model. `field` is where the conversation stands. */
export function imageFaults(images: number, field: string): FieldError[] {
  return images > IMAGES_MAX ? [{ field, message: `must have at most ${IMAGES_MAX} images` }] : [];
}
