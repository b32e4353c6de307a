"""Tickets as people write them, each with its topic."""

from __future__ import annotations

from octavo.components.trained.examples import Example

TICKETS = {
    "billing": """I was charged twice for the invoice of March.
        Please refund the payment for the order I cancelled.
        The invoice shows the wrong amount and the wrong tax.
        My credit card was declined although there is money on the account.
        When will the refund of my payment arrive?
        The receipt for the last payment is missing.
        Why is the price on my bill higher than the price I was offered?
        I want to pay by bank transfer instead of credit card.
        The discount code was not taken off the invoice.
        Send the invoice to the billing address of our company, please.
        You have taken the payment from the wrong bank account.
        How do I change the card that the subscription is paid with?
        The tax on the bill of April is not right.
        I paid the invoice twice by mistake and want the money back.
        A payment of 30 euros was taken that I never agreed to.""",
    "delivery": """The parcel has not arrived and the tracking says nothing.
        My order was delivered to a neighbour I do not know.
        The courier left the package in the rain.
        When will the shipment leave your warehouse?
        The parcel arrived damaged and the box was open.
        I need to change the delivery address of my order.
        Tracking has shown the same depot for a week.
        The courier came while nobody was at home.
        Only one of the two packages was delivered.
        Can the shipment be sent by express courier?
        The parcel was sent back to the warehouse without a reason.
        Delivery was promised for Monday and it is Thursday.
        The driver would not carry the package up the stairs.
        My shipment is stuck at customs, says the tracking.
        Which courier will deliver the parcel, and on which day?""",
    "login": """I cannot log in, the password is not accepted.
        The link to reset my password has expired.
        My account is locked after too many attempts to sign in.
        The code for the second factor never reaches my phone.
        How do I change the user name of my account?
        Signing in with the company login gives an error.
        I forgot my password and no longer have the email address.
        The login page asks for a code I was never sent.
        Please unlock my user account.
        After the update I am signed out every hour.
        The new password is refused as too short.
        Somebody else signed in to my account last night.
        The login button does nothing in my browser.
        Reset the second factor for my user, I have a new phone.
        My session ends while I am typing and I must sign in again.""",
}


def examples() -> list[Example]:
    """All tickets, as what a classifier learns from."""
    return [
        Example(line.strip(), topic, f"{topic} {number}")
        for topic, lines in TICKETS.items()
        for number, line in enumerate(lines.splitlines())
    ]
