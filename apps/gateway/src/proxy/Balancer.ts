/**
 * Which endpoint of a cluster serves the next request.
 */
import { Target } from "@weir/transport"
import type { Endpoint, LoadBalancing } from "../config/GatewayModel.ts"

/** An endpoint with what its choice depends on. */
export interface Candidate {
  readonly endpoint: Endpoint
  /** `127.0.0.1:80`, for the access log. */
  readonly address: string
  /** Requests under way, from the connection that they wait for to the end of the answer. */
  activeCount: number
  /** Credit of the smooth weighted round robin. */
  credit: number
}

export const candidatesOf = (endpoints: ReadonlyArray<Endpoint>): ReadonlyArray<Candidate> =>
  endpoints.map((endpoint) => ({
    endpoint,
    address: Target.formatAddress(Target.tcp(endpoint.host, endpoint.port)),
    activeCount: 0,
    credit: 0
  }))

/**
 * Picks one of the candidates, none of those tried before if there is another; `undefined` without candidates.
 * `random` gives numbers from 0 up to but not including 1.
 */
export const pick = (
  candidates: ReadonlyArray<Candidate>,
  policy: LoadBalancing,
  tried: ReadonlySet<Candidate> | undefined,
  random: () => number
): Candidate | undefined => {
  const untried = tried === undefined ? candidates : candidates.filter((candidate) => !tried.has(candidate))
  const pool = untried.length > 0 ? untried : candidates
  switch (policy) {
    case "ROUND_ROBIN":
      return smoothRoundRobin(candidates, pool)
    case "RANDOM":
      return weighted(pool, random())
    case "LEAST_REQUEST": {
      // The better of two, as Envoy chooses: nearly as even as the best of all, and no herd runs to it.
      const one = weighted(pool, random())
      const other = weighted(pool, random())
      return one !== undefined && other !== undefined && other.activeCount < one.activeCount ? other : one
    }
  }
}

/**
 * Each turn gives every candidate its weight as credit and takes the whole from the richest of the pool: no bursts. The
 * retry of a request takes the turn of the endpoint it goes to.
 */
const smoothRoundRobin = (
  candidates: ReadonlyArray<Candidate>,
  pool: ReadonlyArray<Candidate>
): Candidate | undefined => {
  let totalWeight = 0
  for (const candidate of candidates) {
    candidate.credit += candidate.endpoint.weight
    totalWeight += candidate.endpoint.weight
  }
  let best: Candidate | undefined
  for (const candidate of pool) if (best === undefined || candidate.credit > best.credit) best = candidate
  if (best !== undefined) best.credit -= totalWeight
  return best
}

const weighted = (pool: ReadonlyArray<Candidate>, unit: number): Candidate | undefined => {
  let rest = unit * pool.reduce((sum, { endpoint }) => sum + endpoint.weight, 0)
  for (const candidate of pool) {
    rest -= candidate.endpoint.weight
    if (rest < 0) return candidate
  }
  return undefined
}
