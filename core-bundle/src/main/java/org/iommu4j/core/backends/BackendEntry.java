package org.iommu4j.core.backends;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.foreign.Thrown;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.negotiation.BackendVersion;
import org.iommu4j.core.negotiation.ShimLink;
import org.iommu4j.core.service.BackendStatus;

/**
 * A backend that is or was there. What it says about itself is asked once; the state changes under the lock of its model.
 * After {@link #retire} nothing of the backend is held.
 */
public final class BackendEntry {
    /** Most generations, shims or formats of a backend. */
    private static final int MOST_PARTS = 1024;

    /** Most exceptions of one backend that are logged, each once. */
    private static final int MOST_LOGGED = 16;

    private final int id;
    private final String name;
    private final IommuModel model;
    private final BackendDescription description;
    private final BackendVersion version;
    private volatile Parts parts;
    private volatile BackendStatus.State state;
    private volatile String reason = "";
    private volatile boolean lastResort;
    private volatile CoreEvents events = CoreEvents.UNHEARD;
    private volatile Consumer<String> unloadable = reason -> {};
    private final LongAdder contained = new LongAdder();
    private final Backend clientView = new ContainedBackend(this);

    /** The object by which the core is told that this backend leaves; null once it is retired. */
    private volatile Object source;

    /** Texts of the exceptions that were logged, to log each once; guarded by itself. */
    private final Set<String> logged = new HashSet<>();

    private BackendEntry(
            int id,
            String name,
            IommuModel model,
            BackendDescription description,
            BackendVersion version,
            Parts parts,
            BackendStatus.State state) {
        this.id = id;
        this.name = name;
        this.model = model;
        this.description = description;
        this.version = version;
        this.parts = parts;
        this.state = state;
    }

    /** The backend with its shims and formats; foreign objects. */
    public record Parts(
            Backend backend,
            List<ShimLink> shims,
            List<Unbridgeable> unbridgeable,
            List<BindFormat> bindFormats,
            List<CaptureFormat> captureFormats,
            Map<Integer, KnownForm> effectForms) {
        public Parts {
            shims = List.copyOf(shims);
            unbridgeable = List.copyOf(unbridgeable);
            bindFormats = List.copyOf(bindFormats);
            captureFormats = List.copyOf(captureFormats);
            effectForms = Map.copyOf(effectForms);
        }
    }

    /**
     * A form of effects.
     *
     * @param form a foreign object
     * @param commandBytes as it answered when it was asked
     */
    public record KnownForm(EffectForm form, int commandBytes) {}

    /** A backend's answers about itself. */
    public record Answers(
            BackendDescription description,
            List<ShimLink> shims,
            List<Unbridgeable> unbridgeable,
            List<BindFormat> bindFormats,
            List<CaptureFormat> captureFormats,
            Map<Integer, KnownForm> effectForms) {}

    /**
     * Asks a backend. Calls foreign code.
     *
     * @throws IllegalArgumentException if the answers make no sense
     */
    public static Answers ask(Backend backend) {
        BackendDescription description = backend.describe();
        check(description);
        List<ShimLink> shims = new ArrayList<>();
        for (org.iommu4j.backend.Shim shim : backend.shims()) {
            expectRoom(shims);
            ShimLink link = ShimLink.of(shim, BackendVersion.parse(description.version()));
            if (link.model() != description.model()) {
                throw new IllegalArgumentException(
                        "shim " + link.name() + " is for model " + link.model() + ", not " + description.model());
            }
            shims.add(link);
        }
        List<Unbridgeable> unbridgeable = new ArrayList<>();
        for (Unbridgeable pair : backend.unbridgeable()) {
            expectRoom(unbridgeable);
            if (pair.step().length() > ShimLink.LONGEST_NAME || pair.why().length() > ShimLink.LONGEST_NAME) {
                throw new IllegalArgumentException(
                        "it forbids a pair of generations in more than " + ShimLink.LONGEST_NAME + " characters");
            }
            unbridgeable.add(pair);
        }
        List<BindFormat> formats = new ArrayList<>();
        for (BindFormat format : backend.bindFormats()) {
            expectRoom(formats);
            if (format.model() != description.model() || format.layout() == null) {
                throw new IllegalArgumentException("a bind format is for model " + format.model() + ", not "
                        + description.model() + ", or has no layout");
            }
            formats.add(format);
        }
        List<CaptureFormat> captures = new ArrayList<>();
        for (CaptureFormat format : backend.captureFormats()) {
            expectRoom(captures);
            if (format.model() != description.model()) {
                throw new IllegalArgumentException("the format of captures of " + format.arch() + " is for model "
                        + format.model() + ", not " + description.model());
            }
            captures.add(format);
        }
        return new Answers(description, shims, unbridgeable, formats, captures, effectForms(backend));
    }

    private static Map<Integer, KnownForm> effectForms(Backend backend) {
        Map<Integer, KnownForm> forms = new HashMap<>();
        for (EffectForm form : backend.effectForms()) {
            expectRoom(forms.values());
            int bytes = form.commandBytes();
            if (bytes <= 0 || bytes > InvalidateRequest.SCRATCH_BYTES) {
                throw new IllegalArgumentException("a form of effects has commands of " + bytes + " bytes");
            }
            if (forms.put(form.subVersion(), new KnownForm(form, bytes)) != null) {
                throw new IllegalArgumentException(
                        "generation " + Generation.text(form.subVersion()) + " has two forms of effects");
            }
        }
        return forms;
    }

    private static void expectRoom(Collection<?> taken) {
        if (taken.size() == MOST_PARTS) {
            throw new IllegalArgumentException("it has more than " + MOST_PARTS + " shims, forbidden pairs or formats");
        }
    }

    private static void check(BackendDescription description) {
        if (description == null || description.model() == null || description.name() == null) {
            throw new IllegalArgumentException("it does not say its model and name");
        }
        if (description.name().length() > ShimLink.LONGEST_NAME) {
            throw new IllegalArgumentException(
                    "its name has " + description.name().length() + " characters");
        }
        if (BackendVersion.parse(description.version()) == null) {
            String said = String.valueOf(description.version());
            throw new IllegalArgumentException("version="
                    + said.substring(0, Math.min(said.length(), ShimLink.LONGEST_NAME)) + " is not major.minor.micro");
        }
        if (description.generations().isEmpty() || description.generations().size() > MOST_PARTS) {
            throw new IllegalArgumentException(
                    "it serves " + (description.generations().isEmpty() ? "no generation" : "too many generations"));
        }
        if (description.stateOldestRead() > description.stateWritten()) {
            throw new IllegalArgumentException("stateOldestRead=" + description.stateOldestRead()
                    + " is above stateWritten=" + description.stateWritten());
        }
        Set<Integer> subVersions = new HashSet<>();
        for (Generation generation : description.generations()) {
            if (!subVersions.add(generation.subVersion())) {
                throw new IllegalArgumentException(
                        "generation " + Generation.text(generation.subVersion()) + " is listed twice");
            }
        }
    }

    /** The entry of a backend that answered. */
    public static BackendEntry usable(int id, Backend backend, Answers answers) {
        BackendDescription description = answers.description();
        return new BackendEntry(
                id,
                description.name(),
                description.model(),
                description,
                BackendVersion.parse(description.version()),
                new Parts(
                        backend,
                        answers.shims(),
                        answers.unbridgeable(),
                        answers.bindFormats(),
                        answers.captureFormats(),
                        answers.effectForms()),
                BackendStatus.State.INSTALLED);
    }

    /**
     * A backend that could not be made, or did not answer as it should.
     *
     * @param backend null if it was not made
     */
    public static BackendEntry broken(int id, Backend backend, BackendSource source) {
        return new BackendEntry(
                id,
                backend == null ? source.name() : backend.getClass().getName(),
                source.announced(),
                null,
                null,
                new Parts(backend, List.of(), List.of(), List.of(), List.of(), Map.of()),
                BackendStatus.State.INSTALLED);
    }

    /** Sets the object by which the core is told that this backend leaves. */
    public BackendEntry from(Object newSource) {
        source = newSource;
        return this;
    }

    /** Chooses who is told what becomes of the backend from now on. */
    public BackendEntry heardBy(CoreEvents listener) {
        events = listener;
        return this;
    }

    /** Chooses who is told when classes of the backend cannot be loaded any more, as after its jar was overwritten. */
    public void onUnloadable(Consumer<String> listener) {
        unloadable = listener;
    }

    /**
     * It threw into a call of a client's, and that was contained.
     *
     * @return what was thrown, as text
     */
    public Thrown contained(Throwable thrown) {
        Thrown plain = Thrown.inTime(thrown);
        contained(plain);
        if (plain.unloadable()) {
            unloadable.accept(plain.text());
        }
        return plain;
    }

    /** Counts an exception of the backend that was contained, and logs it the first time. A refusal is no defect. */
    public void contained(Thrown thrown) {
        if (thrown.refusal()) {
            return;
        }
        contained.increment();
        boolean first;
        synchronized (logged) {
            first = logged.size() < MOST_LOGGED && logged.add(thrown.text());
        }
        if (first) {
            events.contained(this, thrown);
        }
    }

    /** The number that the core gave the backend when it arrived. */
    public int id() {
        return id;
    }

    /** The backend's description; null if it did not answer as it should. */
    public BackendDescription description() {
        return description;
    }

    /** The model that the backend serves; null if nobody could say. */
    public IommuModel model() {
        return model;
    }

    /** The version of its bundle. */
    public BackendVersion version() {
        return version;
    }

    /** The backend with its shims and bind formats; null once it is retired. */
    public Parts parts() {
        return parts;
    }

    /** The backend as users of the core have it; answers {@code ENODEV} once it is retired. */
    public Backend clientView() {
        return clientView;
    }

    /** True if it is the given object by which this backend leaves. */
    public boolean isFrom(Object other) {
        return source == other;
    }

    /** The state in the life of the backend. */
    public BackendStatus.State state() {
        return state;
    }

    /** Changes the state in the life of the backend. */
    public void become(BackendStatus.State newState) {
        state = newState;
        reason = "";
    }

    /** Takes the result of the backend's trial. */
    public void tried(Trial.Result result) {
        VendorFailure failure = result.failure();
        lastResort = failure != null && result.makesChips();
        if (failure == null) {
            become(BackendStatus.State.STANDBY);
        } else {
            contained(failure.thrown());
            become(BackendStatus.State.FAILED, failure.getMessage());
        }
    }

    /** True if it failed its trial, but may serve if nobody else can: it makes chips. */
    public boolean isLastResort() {
        return lastResort;
    }

    /** Changes the state in the life of the backend, for a reason. */
    public void become(BackendStatus.State newState, String why) {
        reason = why;
        state = newState;
        if (newState == BackendStatus.State.FAILED) {
            events.failed(this, why);
        }
    }

    /** The backend is gone: forgets everything that is not plain data. */
    public void retire() {
        parts = null;
        source = null;
        state = BackendStatus.State.RETIRED;
    }

    /** The status that users see. */
    public BackendStatus status() {
        List<Integer> subVersions = new ArrayList<>();
        if (description == null) {
            return new BackendStatus(id, model, name, "", state, subVersions, 0, 0, reason, contained.sum());
        }
        for (Generation generation : description.generations()) {
            subVersions.add(generation.subVersion());
        }
        return new BackendStatus(
                id,
                description.model(),
                description.name(),
                description.version(),
                state,
                subVersions,
                description.stateWritten(),
                description.stateOldestRead(),
                reason,
                contained.sum());
    }

    @Override
    public String toString() {
        return description == null ? name : name + " " + description.version();
    }
}
