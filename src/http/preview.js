const { version, events } = document.currentScript.dataset;
new EventSource(events).onmessage = event => { if (event.data !== version) location.reload(); };
