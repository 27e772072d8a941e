/**
 * The name somebody probably meant.
 *
 * Case does not count; beyond that, one slip in three characters is forgiven, so that `max_connections` finds
 * `maxConnections`.
 */

/** The candidate closest to `name`, or undefined when none is close enough to be a slip of the pen. */
export const nearestName = (name: string, candidates: Iterable<string>): string | undefined => {
  const wanted = name.toLowerCase()
  let nearest: string | undefined
  let nearestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < nearestDistance) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  return nearest
}

/** `; did you mean maxConnections?`, or nothing. */
export const didYouMean = (name: string, candidates: Iterable<string>): string => {
  const nearest = nearestName(name, candidates)
  return nearest === undefined ? "" : `; did you mean ${nearest}?`
}

/** Levenshtein's distance, one row at a time. */
const editDistance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (const [index, char] of [...left].entries()) {
    const next = [index + 1]
    for (let column = 0; column < right.length; column++) {
      // Within bounds by construction: `row` has one cell more than `right` has characters, `next` grows by one a turn.
      const [diagonal = 0, above = 0, before = 0] = [row[column], row[column + 1], next[column]]
      next.push(Math.min(diagonal + (char === right[column] ? 0 : 1), above + 1, before + 1))
    }
    row = next
  }
  return row[right.length] ?? left.length
}
