/**
 * The socket layer of this runtime; the conditions of package.json's `imports` choose the file.
 */
export { NodeConnector as platform } from "@weir/node"
