// Talks to the program. The address of the page holds the secret, so all addresses are relative.

export async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await reason(answer));
  return answer;
}

export const askJson = async (path) => (await ask(path)).json();

export async function tell(path, content = {}) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
  if (!answer.ok) throw new Error(await reason(answer));
  return answer;
}

async function reason(answer) {
  const text = await answer.text();
  try { return JSON.parse(text).error; } catch { return text; }
}

// Sends the newest changes only: what comes while a request is under way is merged, and goes with the next.
export class Sender {
  constructor(path, failed) {
    this.path = path;
    this.failed = failed;
    this.waiting = null;
    this.isSending = false;
    this.asked = 0;  // how many changes the program has got
  }

  get isIdle() { return !this.isSending && !this.waiting; }

  async send(changes) {
    this.waiting = { ...this.waiting, ...changes };
    if (this.isSending) return;
    this.isSending = true;
    while (this.waiting) {
      const content = this.waiting;
      this.waiting = null;
      try { this.asked = (await (await tell(this.path, content)).json()).asked; } catch (error) { this.failed(error); }
    }
    this.isSending = false;
  }
}

// Calls work, and calls it again if it was asked for meanwhile; never twice at a time.
export function coalesced(work) {
  let isRunning = false, isWanted = false;
  return async () => {
    isWanted = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (isWanted) { isWanted = false; await work(); }
    } finally { isRunning = false; }
  };
}
