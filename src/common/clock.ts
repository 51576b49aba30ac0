import { Injectable } from '@nestjs/common';

/** The only source of the current time. Money statements take its answer as a parameter; a test clock replaces it. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
}
