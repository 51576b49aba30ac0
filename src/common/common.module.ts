import { Global, Module } from '@nestjs/common';
import { Clock, WallClock } from './clock.js';

/** What every module may inject without importing anything. */
@Global()
@Module({ providers: [Clock, WallClock], exports: [Clock, WallClock] })
export class CommonModule {}
