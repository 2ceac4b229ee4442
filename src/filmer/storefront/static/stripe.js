// Pays by Stripe: its script has the card's fields in a frame of its own, and asks the bank where that has to be. What
// comes here is a name for the card, never its number.

const form = document.querySelector("form[data-stripe-key]");
const failure = document.getElementById("stripe-error");
const place = document.getElementById("stripe-card");

function say(text) {
  failure.textContent = text;
  failure.hidden = false;
  failure.focus();
}

function isChosen() {
  const choices = form.elements.namedItem("pay");
  return !choices || new FormData(form).get("pay") === "stripe";
}

function useStripe(stripe) {
  const { color, fontFamily } = getComputedStyle(form);
  const card = stripe.elements().create("card", { style: { base: { color, fontFamily, fontSize: "16px" } } });
  card.mount(place);
  let isBusy = false;
  form.addEventListener("submit", async (event) => {
    if (!isChosen() || form.stripeMethod.value) return;
    event.preventDefault();
    if (isBusy) return;
    if (!form.holderFirstName.value.trim() || !form.holderLastName.value.trim()) {
      say("Please fill in the names on the card.");
      return;
    }
    isBusy = true;
    failure.hidden = true;
    const name = `${form.holderFirstName.value.trim()} ${form.holderLastName.value.trim()}`;
    try {
      const { paymentMethod, error } = await stripe.createPaymentMethod({ type: "card", card, billing_details: { name } });
      if (error) {
        say(error.message);
        return;
      }
      form.stripeMethod.value = paymentMethod.id;
      form.requestSubmit();
    } catch {
      say("Stripe can’t be reached. Nothing was bought; please try again.");
    } finally {
      isBusy = false;
    }
  });
}

/** The bank asks; then the form is sent once more, as it was. */
async function confirm(stripe) {
  const result = await stripe.handleNextAction({ clientSecret: form.dataset.stripeSecret }).catch((error) => ({ error }));
  if (!result.error) {
    form.requestSubmit();
    return;
  }
  form.stripeMethod.value = "";
  form.draft.value = "";
  place.hidden = false;
  say("Your bank has not confirmed the payment. Nothing was bought; please try again, or another card.");
}

if (window.Stripe) {
  document.getElementById("stripe-missing").remove();
  const stripe = window.Stripe(form.dataset.stripeKey);
  useStripe(stripe);
  if (form.dataset.stripeSecret) confirm(stripe);
}
