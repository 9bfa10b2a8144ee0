// Workers for pages that are opened as files, where browsers allow none: each runs in a hidden
// frame. It is for the search alone, and does nothing where the page comes from a server.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inner = frame.contentWindow;
      this.frame = frame;
      this.waiting = [];
      this.inner.postMessage = data => this.give(this, data);
      const script = frame.contentDocument.createElement("script");
      script.src = String(url);
      script.onload = () => {
        this.waiting.forEach(data => this.give(this.inner, data));
        this.waiting = null;
      };
      script.onerror = () => this.dispatchEvent(new Event("error"));
      frame.contentDocument.body.append(script);
    }

    set onmessage(listener) {
      this.addEventListener("message", listener);
    }

    give(target, data) {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      setTimeout(() => target.dispatchEvent(event));
    }

    postMessage(data) {
      this.waiting ? this.waiting.push(data) : this.give(this.inner, data);
    }

    terminate() {
      this.frame.remove();
    }
  };
}
