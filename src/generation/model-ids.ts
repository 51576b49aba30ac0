import { applyDecorators } from '@nestjs/common';
import { ArrayMaxSize, ArrayUnique, IsArray, IsString, Length } from 'class-validator';
import { MODEL_ID_LENGTH_MAX, MODELS_MAX } from './domain/generation-modes.js';

/** The ids of the models of a run, each once; whether there are such models is for the catalogue to say. */
export function ModelIds(): PropertyDecorator {
  return applyDecorators(
    Length(1, MODEL_ID_LENGTH_MAX, { each: true }),
    IsString({ each: true }),
    ArrayMaxSize(MODELS_MAX),
    ArrayUnique(),
    IsArray(),
  );
}
