/**
 * The parameters of a request as its row in the ledger keeps them. The row is for ever, so of texts that are the user's own it has how many and
 * how long they were, and the name of a schema.
 */
export function recordedParameters(parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { stop, logit_bias: biases, response_format: format, ...rest } = parameters;
  return {
    ...rest,
    ...(stop !== undefined && { stop: sizeOfStop(stop) }),
    ...(biases !== undefined && { logit_bias: { items: Object.keys(biases as object).length } }),
    ...(format !== undefined && { response_format: shapeOf(format as Format) }),
  };
}

interface Format {
  type: string;
  json_schema?: { name: string };
}

function sizeOfStop(stop: unknown): { items: number; characters: number } {
  const texts = [stop].flat() as string[];
  return { items: texts.length, characters: texts.reduce((sum, { length }) => sum + length, 0) };
}

function shapeOf(format: Format): { type: string; name?: string; characters?: number } {
  const { type, json_schema: schema } = format;
  return { type, ...(schema && { name: schema.name, characters: JSON.stringify(schema).length }) };
}
