import { z } from 'zod';
import { PARAMETER_TYPES, type ConstrainedParameter } from './constrained-parameters.js';

/** What happens to a value that a constraint does not admit. The default is `reject`. */
export const VIOLATION_POLICIES = ['reject', 'drop', 'clamp', 'warn'] as const;

export type ViolationPolicy = (typeof VIOLATION_POLICIES)[number];

const REASON_LENGTH_MAX = 500;
const LIST_LENGTH_MAX = 100;

/** A value a parameter may have in a constraint document. */
const parameterValue = z.union([
  z.number(),
  z.string(),
  z.boolean(),
  z.array(z.string()),
  z.record(z.string(), z.unknown()),
]);

const constraintShape = {
  supported: z.boolean(),
  type: z.enum(PARAMETER_TYPES).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  exclusiveMin: z.number().optional(),
  exclusiveMax: z.number().optional(),
  default: parameterValue.optional(),
  allowedValues: z
    .array(z.union([z.number(), z.string(), z.boolean()]))
    .min(1)
    .max(LIST_LENGTH_MAX)
    .optional(),
  maxItems: z.int().min(1).optional(),
  maxItemLength: z.int().min(1).optional(),
  mutuallyExclusiveWith: z.array(z.string()).max(LIST_LENGTH_MAX).optional(),
  alternativeName: z.string().optional(),
  onViolation: z.enum(VIOLATION_POLICIES).optional(),
  reason: z.string().max(REASON_LENGTH_MAX).optional(),
};

const ruleShape = {
  parameters: z.array(z.string()).min(1).max(LIST_LENGTH_MAX),
  onViolation: z.enum(['reject', 'drop', 'warn']).optional(),
  reason: z.string().max(REASON_LENGTH_MAX).optional(),
};

const conditionShape = {
  parameter: z.string(),
  in: z
    .array(z.union([z.number(), z.string(), z.boolean()]))
    .min(1)
    .max(LIST_LENGTH_MAX),
};

/** How one parameter is constrained, as stored in `meta.parameterConstraints.<name>`. */
export const ParameterConstraint = z.strictObject(constraintShape);
export type ParameterConstraint = z.infer<typeof ParameterConstraint>;

/** The parameters are usable only while another parameter's effective value is one of `in`; stored in `meta.parameterRules[]`. */
export const ParameterRule = z.strictObject({ ...ruleShape, unless: z.strictObject(conditionShape) });
export type ParameterRule = z.infer<typeof ParameterRule>;

export type ParameterConstraints = Partial<Record<ConstrainedParameter, ParameterConstraint>>;

/** The same two shapes for reading what a newer version may have stored: unknown keys survive. */
export const StoredParameterConstraint = z.looseObject(constraintShape);
export const StoredParameterRule = z.looseObject({ ...ruleShape, unless: z.looseObject(conditionShape) });
