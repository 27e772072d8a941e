/**
 * The times after which leases are reported and reclaimed, in milliseconds; `Infinity`: never.
 */
import type { PoolSettings } from "../PoolConfig.ts"
import { toMillis } from "../Settings.ts"

/** What is reclaimed is reported as well, no later. */
export const leakTimes = (settings: PoolSettings): { leakMillis: number; reclaimMillis: number } => {
  const reclaimMillis = toMillis(settings.leakReclaimAfter)
  return { leakMillis: Math.min(toMillis(settings.leakThreshold), reclaimMillis), reclaimMillis }
}
