export * as DenoConnector from "./DenoConnector.ts"
