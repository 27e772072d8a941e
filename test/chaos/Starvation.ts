/**
 * For how long a machine that is busy with other things has kept this process from running: the lateness of a timer, less
 * the time that the process itself was computing. What it is late by is not held against the client.
 */
import { setInterval } from "node:timers"

const periodMillis = 50

export class Starvation {
  /** Since the start. */
  totalMillis = 0
  private lastMillis = performance.now()
  private lastCpuMicros = cpuMicros()

  constructor() {
    setInterval(() => this.look(), periodMillis).unref()
  }

  private look(): void {
    const nowMillis = performance.now()
    const nowCpuMicros = cpuMicros()
    const lateMillis = nowMillis - this.lastMillis - periodMillis
    this.totalMillis += Math.max(0, lateMillis - (nowCpuMicros - this.lastCpuMicros) / 1000)
    this.lastMillis = nowMillis
    this.lastCpuMicros = nowCpuMicros
  }
}

/** CPU time of this process. */
export const cpuMicros = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}
