/**
 * The rules of a run, and the first that was broken. A rule's name stays the same while the run around it is made
 * smaller.
 */
export interface Violation {
  readonly rule: string
  readonly detail: string
}

/** Notes and never throws: what it is called by may run on the stack of the code that it judges. */
export class Judge {
  violation: Violation | undefined
  /** How often each rule was asked, so that one that is never asked is noticed. */
  readonly askedCounts = new Map<string, number>()

  must(isKept: boolean, rule: string, detail: () => string): void {
    this.askedCounts.set(rule, (this.askedCounts.get(rule) ?? 0) + 1)
    if (!isKept) this.violation ??= { rule, detail: detail() }
  }

  /** Takes a step; what it throws is a defect of what runs, and there is no step after it. */
  step(step: () => boolean): boolean {
    try {
      return step()
    } catch (defect) {
      this.must(false, "no defects", () =>
        defect instanceof Error ? (defect.stack ?? defect.message) : String(defect)
      )
      return false
    }
  }

  equal(found: unknown, expected: unknown, rule: string, what: string): void {
    this.must(found === expected, rule, () => `${what}: ${String(found)}, expected ${String(expected)}`)
  }
}
