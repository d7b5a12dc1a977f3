// A way for messages between a member and its leader, whatever carries them.
import type { Message } from "./protocol.ts";

export interface Link {
  /** Resolves once the message has left the process, or cannot. Never throws, never rejects. */
  send(message: Message): Promise<void>;
  /** One receiver; what arrives is not validated. */
  onMessage(callback: (message: unknown) => void): void;
  /** At once where the link is closed already. Not called for one's own `close()`. */
  onClose(callback: () => void): void;
  close(): void;
}
