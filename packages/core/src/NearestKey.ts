/**
 * The known word nearest to a mistyped one, for messages that end in "did you mean …?".
 *
 * Case does not count; beyond that, one slip in three characters is forgiven, so that `max_connections` finds
 * `maxConnections`, and at least one, so that `v2` finds `v1`.
 */

/** The closest candidate, unless it is too far for a slip; a slip is a character too much, too few, wrong or swapped. */
export const nearestKey = (word: string, candidates: Iterable<string>): string | undefined => {
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean maxConnections?`, or nothing. */
export const didYouMean = (word: string, candidates: Iterable<string>): string => {
  const nearest = nearestKey(word, candidates)
  return nearest === undefined ? "" : `; did you mean ${nearest}?`
}

const editDistance = (a: string, b: string): number => {
  let beforePrevious: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1)
      )
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwap) cost = Math.min(cost, (beforePrevious[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
