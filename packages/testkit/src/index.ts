export { Chance, hash } from "./Chance.ts"
export { type Answer, type HeardRequest, HttpPeer } from "./HttpPeer.ts"
export { type Interleaving, SeededScheduler } from "./SeededScheduler.ts"
export { type ByteCounts, SimulatedConnection, type Wire } from "./SimulatedConnection.ts"
export {
  type Accept,
  type DialFault,
  type ListenerTls,
  type NetworkOptions,
  SimulatedNetwork
} from "./SimulatedNetwork.ts"
export * from "./Simulation.ts"
export { VirtualClock } from "./VirtualClock.ts"
