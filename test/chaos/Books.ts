/**
 * What became of each POST, by number: a byte each, so that an hour's take a few megabytes.
 */
const [executedOnce, answered] = [1, 2]

export class Books {
  private marks = new Uint8Array(4096)

  /** A server has received it whole. False: not for the first time. */
  execute(number: number): boolean {
    const isFirst = !this.isExecuted(number)
    this.mark(number, executedOnce)
    return isFirst
  }

  answer(number: number): void {
    this.mark(number, answered)
  }

  isExecuted(number: number): boolean {
    return ((this.marks[number] ?? 0) & executedOnce) !== 0
  }

  private mark(number: number, bit: number): void {
    if (number >= this.marks.length) {
      const grown = new Uint8Array(2 * Math.max(number, this.marks.length))
      grown.set(this.marks)
      this.marks = grown
    }
    this.marks[number] = (this.marks[number] ?? 0) | bit
  }

  get executedCount(): number {
    return this.marks.reduce((sum, marks) => sum + (marks & executedOnce), 0)
  }

  /** Answered, and never carried out: the answer was not theirs. */
  get invented(): ReadonlyArray<number> {
    const found: Array<number> = []
    this.marks.forEach((marks, number) => {
      if ((marks & answered) !== 0 && (marks & executedOnce) === 0) found.push(number)
    })
    return found
  }
}
