/**
 * The simulated network beside the runtimes' sockets: the specs of test/conformance on what a connection promises while it
 * is open and at its end, with simulated connections in the place of real ones.
 */
import { vi } from "vitest"

vi.mock("../conformance/Pair.ts", async (importActual) => {
  const { simulatedConnect, simulatedKinds } = await import("./simulatedPair.ts")
  return { ...(await importActual<object>()), connect: simulatedConnect, kinds: simulatedKinds, useTunnels: () => {} }
})
vi.mock("../conformance/peer/Peer.ts", () => ({ usePeers: () => {} }))

// Modules of their own, by the query: files share a process, where those that ran on real sockets would not run again.
for (const suite of ["Connection", "Closing"]) {
  await import(/* @vite-ignore */ new URL(`../conformance/${suite}.test.ts?simulated`, import.meta.url).href)
}
