document.querySelectorAll("button[data-copy]").forEach(button => {
  const word = button.textContent, told = document.getElementById("told");
  button.hidden = false;
  button.onclick = async () => {
    const address = button.dataset.copy;
    try { await navigator.clipboard.writeText(address); }
    catch {
      const field = document.createElement("textarea");
      field.value = address;
      button.after(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    button.textContent = told.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = word; told.textContent = ""; }, 2000);
  };
});
