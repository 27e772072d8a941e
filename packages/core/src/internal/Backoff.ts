/**
 * How long a route waits before it dials again.
 *
 * The first failure costs nothing: it is most often one connection's bad luck, and its caller has been told. From the
 * second in a row on the pause doubles, so that a peer that is down is not hammered, and a random half of it is taken
 * off, so that many routes and processes do not come back in step.
 */
export const backoffMillis = (failuresInRow: number, baseMillis: number, maxMillis: number, random: number): number => {
  if (failuresInRow < 2) return 0
  // 2 ** 30 is beyond any `dialBackoffMax`; the bound keeps the power finite.
  const full = Math.min(maxMillis, baseMillis * 2 ** Math.min(30, failuresInRow - 2))
  return full * (1 - 0.5 * random)
}
