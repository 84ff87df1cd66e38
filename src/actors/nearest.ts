/** Where the actors' room looks for it. */

export { nearest } from '../nearest.ts'
