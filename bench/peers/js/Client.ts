/** What is asked of a client to be driven. */
export interface Client {
  /** One GET whose body is read. */
  readonly call: () => Promise<unknown>
  /**
   * Calls one after the other in so many lanes, while `goesOn`. `note` hears of the end of each: since when, and whether
   * it was answered.
   */
  readonly lanes: (laneCount: number, goesOn: () => boolean, note: Note) => Promise<unknown>
  readonly close: () => Promise<unknown> | undefined
}

export type Note = (fromMillis: number, isAnswered: boolean) => void

/** After a failure a lane waits so long: no client is measured by how fast it fails. */
export const pauseAfterFailureMillis = 10

/** A client of promises. */
export const ofPromises = (
  call: () => Promise<unknown>,
  close: () => Promise<unknown> | undefined = () => undefined
): Client => ({
  call,
  close,
  lanes: (laneCount, goesOn, note) => {
    const lane = async () => {
      while (goesOn()) {
        const fromMillis = performance.now()
        try {
          await call()
          note(fromMillis, true)
        } catch {
          note(fromMillis, false)
          await new Promise((resolve) => setTimeout(resolve, pauseAfterFailureMillis))
        }
      }
    }
    return Promise.all(Array.from({ length: laneCount }, lane))
  }
})
