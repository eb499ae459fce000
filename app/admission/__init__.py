"""Who may draw candidates, and when: a bounded queue a model, with priorities and fair shares (docs/admission.md)."""
