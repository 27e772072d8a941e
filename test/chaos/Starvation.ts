/**
 * For how long a machine that is busy with other things has kept this process from running: the lateness of a timer, less
 * the time that the process itself was computing. What it is late by is not held against the client.
 */
import { setInterval } from "node:timers"

const periodMillis = 50

export class Starvation {
  private countedMillis = 0
  private lastMillis = performance.now()
  private lastCpuMicros = cpuMicros()

  constructor() {
    setInterval(() => this.look(), periodMillis).unref()
  }

  /**
   * Since the start, up to this moment: after a stop of the whole process Deno calls other timers that are due before this
   * one, whose callers would be told that they had been late by themselves.
   */
  get totalMillis(): number {
    return this.countedMillis + this.uncountedMillis()
  }

  private look(): void {
    this.countedMillis += this.uncountedMillis()
    this.lastMillis = performance.now()
    this.lastCpuMicros = cpuMicros()
  }

  private uncountedMillis(): number {
    const lateMillis = performance.now() - this.lastMillis - periodMillis
    return Math.max(0, lateMillis - (cpuMicros() - this.lastCpuMicros) / 1000)
  }
}

/** CPU time of this process. */
export const cpuMicros = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}
