/**
 * What shows that a suite has closed all it opened.
 */
import { setImmediate } from "node:timers/promises"
import { afterAll, beforeAll, expect } from "@effect/vitest"

const resourcesNow = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /TCP|TLS|PIPE|CONNECT|PROCESS|Timeout/i.test(name))

const isTimer = (name: string): boolean => name === "Timeout"

/** Those of a process that has run no suite yet: this module is loaded once, and many files share a process. */
const atFirst = resourcesNow()

/** What is there and was not before, each as often as there are more of it. */
const surplus = (now: ReadonlyArray<string>, before: ReadonlyArray<string>): ReadonlyArray<string> => {
  const known = [...before]
  return now.filter((name) => {
    const at = known.indexOf(name)
    if (at >= 0) known.splice(at, 1)
    return at < 0
  })
}

/** Turns of the event loop after which a closed socket has told so; a leak stays for ever. */
const turnCountMax = 200

/** And time after which a timer of the test runner's own, of a tenth of a second, has run. */
const timerMillisMax = 300

/** What is left by `find` when all that is being closed has been. */
const settled = async (find: () => ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const startMillis = performance.now()
  for (let turn = 0; turn < turnCountMax || performance.now() - startMillis < timerMillisMax; turn++) {
    if (find().length === 0) return []
    await setImmediate()
  }
  return find()
}

/**
 * Fails the suite in whose file it is called if sockets, processes or timers are left after its last test that were not
 * there before its first.
 */
export const expectNothingLeft = (): void => {
  let before: ReadonlyArray<string> = []
  beforeAll(async () => {
    // What the file before this one is still closing would stand for something that this one leaves.
    await settled(() => surplus(resourcesNow(), atFirst).filter((name) => !isTimer(name)))
    before = resourcesNow()
  })
  afterAll(async () => {
    expect(await settled(() => surplus(resourcesNow(), before))).toEqual([])
  })
}
