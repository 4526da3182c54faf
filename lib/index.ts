/** What `import ... from "netmap-tools"` gives. */

export { type ErrorCode, type ErrorDetails, NmError } from "./errors.js";
