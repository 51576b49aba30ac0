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
  private readonly reasonsToWait: ((userId: string) => Promise<boolean>)[] = [];

  register(data: PersonalData): void {
    if (this.sections.has(data.name)) throw new Error(`the personal data ${data.name} is registered twice`);
    this.sections.set(data.name, data);
  }

  list(): readonly PersonalData[] {
    return [...this.sections.values()];
  }

  /** Names a reason for which erasing a person waits: something of theirs is under way whose end needs what would be erased. */
  waitWhile(isUnderWay: (userId: string) => Promise<boolean>): void {
    this.reasonsToWait.push(isUnderWay);
  }

  /** Whether erasing the person has to wait. Joins the caller's transaction. */
  async mustWait(userId: string): Promise<boolean> {
    for (const isUnderWay of this.reasonsToWait) if (await isUnderWay(userId)) return true;
    return false;
  }
}
