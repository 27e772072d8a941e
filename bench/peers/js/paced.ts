/**
 * Calls begun at a fixed rate, whether or not earlier ones have ended. A call's time counts from when it was due, so that
 * a client that falls behind cannot hide it.
 */
import type { Client, Note } from "./Client.ts"

export const drivePaced = (client: Client, ratePerSecond: number, endMillis: number, note: Note): Promise<void> =>
  new Promise((resolve) => {
    const startMillis = performance.now()
    let begunCount = 0
    let openCount = 0
    const tick = (): void => {
      const nowMillis = performance.now()
      const dueCount = Math.floor(((Math.min(nowMillis, endMillis) - startMillis) * ratePerSecond) / 1000)
      for (; begunCount < dueCount; begunCount++) begin(startMillis + (begunCount * 1000) / ratePerSecond)
      if (nowMillis < endMillis) setTimeout(tick, 1)
      else if (openCount === 0) resolve()
    }
    const begin = (dueMillis: number): void => {
      openCount++
      const end = (isAnswered: boolean) => {
        openCount--
        note(dueMillis, isAnswered)
        if (openCount === 0 && performance.now() >= endMillis) resolve()
      }
      client.call().then(
        () => end(true),
        () => end(false)
      )
    }
    tick()
  })
