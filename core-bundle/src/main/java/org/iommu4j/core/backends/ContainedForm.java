package org.iommu4j.core.backends;

import org.iommu4j.backend.EffectForm;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.InvalidateRequest;

/** A form of effects, as the core calls it; of one container, while one backend serves. */
public final class ContainedForm {
    private final EffectForm foreign;
    private final BackendEntry backend;
    private final int commandBytes;
    private final Completion refusal = new Completion();

    private ContainedForm(BackendEntry.KnownForm known, BackendEntry backend) {
        this.foreign = known.form();
        this.backend = backend;
        commandBytes = known.commandBytes();
    }

    /** The form of a generation of a backend; null if it has none. */
    public static ContainedForm of(BackendEntry backend, int subVersion) {
        BackendEntry.KnownForm form = backend.parts().effectForms().get(subVersion);
        return form == null ? null : new ContainedForm(form, backend);
    }

    /** Bytes of one command. */
    public int commandBytes() {
        return commandBytes;
    }

    /** How many whole commands a vendor part has: usually one, for which nothing is divided. */
    public int commandsIn(InvalidateRequest request) {
        int bytes = request.payloadLength();
        return bytes == commandBytes ? 1 : bytes / commandBytes;
    }

    /**
     * Reads one command as {@link EffectForm#read} does.
     *
     * @param completion filled in if the form breaks
     * @return 0, positive if the generation refuses the command, or {@code -EIO} if the form breaks
     */
    public int read(InvalidateRequest request, int at, Effect effect, Completion completion) {
        try {
            return foreign.read(request, at, effect, refusal.begin()) == 0 ? 0 : 1;
        } catch (Throwable t) {
            return Contained.contain(t, backend, completion);
        }
    }
}
