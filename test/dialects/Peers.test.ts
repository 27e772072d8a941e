import { describe, expect, it } from "vitest"
import { runBurst } from "./Burst.ts"
import { agentPeer, ours } from "./Peers.ts"

describe("node's own http.Agent", () => {
  it.each(agentPeer.bursts.map((burst) => [burst.name, burst] as const))(
    "opens, limits and keeps as many sockets as ours does by its settings: %s",
    async (_name, burst) => {
      await using peer = agentPeer.itself(burst.settings)
      await using weir = ours(agentPeer.reading(burst.settings))
      expect(await runBurst(peer.callMany, burst)).toEqual(burst.expected)
      expect(await runBurst(weir.callMany, burst)).toEqual(burst.expected)
    }
  )
})
