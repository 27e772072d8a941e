/**
 * Makes a failing script smaller, as long as it goes on failing in the same way: takes operations out in ever smaller
 * pieces (Zeller's delta debugging), then knobs, then turns what is left to its plainest value.
 */

/** What the shrinker can take apart. */
export interface Script {
  readonly operations: ReadonlyArray<object>
}

/** Runs of the script are bounded, so that a failure is reported soon. */
const attemptCountMax = 1500

export const shrink = <S extends Script>(
  script: S,
  plainer: (script: S) => Iterable<S>,
  fails: (script: S) => boolean
): S => {
  let smallest = script
  let attemptCount = 0
  const attempt = (candidate: S): boolean => {
    if (attemptCount >= attemptCountMax) return false
    attemptCount++
    if (!fails(candidate)) return false
    smallest = candidate
    return true
  }
  for (let size = Math.ceil(script.operations.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < smallest.operations.length; ) {
      const operations = smallest.operations.filter((_, index) => index < start || index >= start + size)
      if (!attempt({ ...smallest, operations })) start += size
    }
  }
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const candidate of plainer(smallest)) {
      if (attempt(candidate)) {
        isSmaller = true
        break
      }
    }
  }
  return smallest
}
