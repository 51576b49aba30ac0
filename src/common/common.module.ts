import { Global, Module } from '@nestjs/common';
import { Clock, WallClock } from './clock.js';
import { PersonalDataRegistry } from './personal-data.js';

/** What every module may inject without importing anything. */
@Global()
@Module({ providers: [Clock, PersonalDataRegistry, WallClock], exports: [Clock, PersonalDataRegistry, WallClock] })
export class CommonModule {}
