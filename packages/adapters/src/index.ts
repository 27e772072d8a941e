export { AdapterError } from "./AdapterError.ts"
export { createAgents, type PooledAgents } from "./PooledAgent.ts"
