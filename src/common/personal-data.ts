import { Injectable } from '@nestjs/common';

/** What one module keeps of people: how it is handed out and how it is forgotten. */
export interface PersonalData {
  /** The section of the export, e.g. `devices`. */
  name: string;
  /** Everything of one person, oldest first, without secrets. */
  export(userId: string): AsyncIterable<object>;
  /** Deletes what may go. Joins the caller's transaction. Left out where nothing may: money keeps its lines and loses the name on them. */
  erase?(userId: string): Promise<void>;
}

/** All that is kept of people. Modules register theirs in `onModuleInit`. */
@Injectable()
export class PersonalDataRegistry {
  private readonly sections = new Map<string, PersonalData>();

  register(data: PersonalData): void {
    if (this.sections.has(data.name)) throw new Error(`the personal data ${data.name} is registered twice`);
    this.sections.set(data.name, data);
  }

  list(): readonly PersonalData[] {
    return [...this.sections.values()];
  }
}
