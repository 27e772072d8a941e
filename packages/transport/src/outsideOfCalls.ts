/**
 * Starts work that belongs to no call; `@weir/core`, which knows no transport, has the same.
 *
 * Runtimes hand on from step to step what `AsyncLocalStorage` holds. Upkeep that a call happens to start would have that call's for
 * as long as it goes on, and keep it. On Deno (2.9.6) each step would hold the one before as well: Effect makes an
 * `AsyncResource` whenever a fiber waits, and one that is made in the scope of another holds it, half a kilobyte each, for ever.
 */
export const outsideOfCalls: <A>(start: () => A) => A =
  globalThis.process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage.snapshot() ?? ((start) => start())
