/**
 * A pause that a signal cuts short.
 */
import { setTimeout as sleep } from "node:timers/promises"

export const sleepUnless = (signal: AbortSignal, millis: number): Promise<void> =>
  sleep(millis, undefined, { signal }).catch(() => {})
