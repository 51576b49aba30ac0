/** A failure that whoever runs the server can mend. The message is one sentence with the way out, shown without a stack. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError';
}
