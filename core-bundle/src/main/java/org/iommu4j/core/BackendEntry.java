package org.iommu4j.core;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;

/**
 * A backend that is or was there. What it says about itself is asked once; the state changes under the lock of its model.
 * After {@link #retire} nothing of the backend is held.
 */
final class BackendEntry {
    /** Longest name, version or number of capabilities that the core takes from a backend. */
    static final int LONGEST_NAME = 200;

    /** Most generations, shims or formats of a backend. */
    private static final int MOST_PARTS = 1024;

    /** Different exceptions of one backend that are logged. */
    private static final int MOST_LOGGED = 16;

    private final int id;
    private final String name;
    private final IommuModel model;
    private final BackendDescription description;
    private final BackendVersion version;
    private volatile Facts facts;
    private volatile BackendStatus.State state;
    private volatile String reason = "";
    private volatile boolean lastResort;
    private volatile CoreEvents events = CoreEvents.UNHEARD;
    private volatile Consumer<String> unloadable = reason -> {};
    private final LongAdder contained = new LongAdder();

    /** What it threw so far, without repetition; guarded by itself. */
    private final Set<String> logged = new HashSet<>();

    private BackendEntry(
            int id,
            String name,
            IommuModel model,
            BackendDescription description,
            BackendVersion version,
            Facts facts,
            BackendStatus.State state) {
        this.id = id;
        this.name = name;
        this.model = model;
        this.description = description;
        this.version = version;
        this.facts = facts;
        this.state = state;
    }

    /** The backend and what it brings; foreign objects. */
    record Facts(
            Backend backend, List<ShimLink> shims, List<BindFormat> bindFormats, List<CaptureFormat> captureFormats) {
        Facts {
            shims = List.copyOf(shims);
            bindFormats = List.copyOf(bindFormats);
            captureFormats = List.copyOf(captureFormats);
        }
    }

    /** What a backend said about itself. */
    record Answers(
            BackendDescription description,
            List<ShimLink> shims,
            List<BindFormat> bindFormats,
            List<CaptureFormat> captureFormats) {}

    /**
     * Asks a backend. Calls foreign code.
     *
     * @throws IllegalArgumentException if the answers make no sense
     */
    static Answers ask(Backend backend) {
        BackendDescription description = backend.describe();
        check(description);
        List<ShimLink> shims = new ArrayList<>();
        for (org.iommu4j.backend.Shim shim : backend.shims()) {
            expectRoom(shims);
            ShimLink link = ShimLink.of(shim);
            if (link.model() != description.model()) {
                throw new IllegalArgumentException(
                        "shim " + link.name() + " is for model " + link.model() + ", not " + description.model());
            }
            shims.add(link);
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
        return new Answers(description, shims, formats, captures);
    }

    private static void expectRoom(List<?> taken) {
        if (taken.size() == MOST_PARTS) {
            throw new IllegalArgumentException("it has more than " + MOST_PARTS + " shims or formats");
        }
    }

    private static void check(BackendDescription description) {
        if (description == null || description.model() == null || description.name() == null) {
            throw new IllegalArgumentException("it does not say its model and name");
        }
        if (description.name().length() > LONGEST_NAME) {
            throw new IllegalArgumentException(
                    "its name has " + description.name().length() + " characters");
        }
        if (BackendVersion.parse(description.version()) == null) {
            String said = String.valueOf(description.version());
            throw new IllegalArgumentException("version=" + said.substring(0, Math.min(said.length(), LONGEST_NAME))
                    + " is not major.minor.micro");
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
                        "generation 0x" + Integer.toHexString(generation.subVersion()) + " is listed twice");
            }
        }
    }

    /** A backend that answered. */
    static BackendEntry usable(int id, Backend backend, Answers answers) {
        BackendDescription description = answers.description();
        return new BackendEntry(
                id,
                description.name(),
                description.model(),
                description,
                BackendVersion.parse(description.version()),
                new Facts(backend, answers.shims(), answers.bindFormats(), answers.captureFormats()),
                BackendStatus.State.INSTALLED);
    }

    /**
     * A backend that did not answer as it should.
     *
     * @param announced the model that its service names; null if it names none
     */
    static BackendEntry broken(int id, Backend backend, IommuModel announced) {
        return new BackendEntry(
                id,
                backend.getClass().getName(),
                announced,
                null,
                null,
                new Facts(backend, List.of(), List.of(), List.of()),
                BackendStatus.State.INSTALLED);
    }

    /** Tells what becomes of it from now on. */
    BackendEntry heardBy(CoreEvents listener) {
        events = listener;
        return this;
    }

    /** From now on this is told when classes of it could not be loaded any more, as after its jar was overwritten. */
    void onUnloadable(Consumer<String> listener) {
        unloadable = listener;
    }

    /**
     * It threw into a call of a client's, and that was contained.
     *
     * @return what was thrown, as text
     */
    Thrown contained(Throwable thrown) {
        Thrown told = Thrown.inTime(thrown);
        contained(told);
        if (told.unloadable()) {
            unloadable.accept(told.text());
        }
        return told;
    }

    /** Something that it threw was contained: counts it, and logs it the first time. A refusal is no defect. */
    void contained(Thrown thrown) {
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

    /** Its number. */
    int id() {
        return id;
    }

    /** What it said it is; null if it could not say. */
    BackendDescription description() {
        return description;
    }

    /** Its model; null if nobody could say. */
    IommuModel model() {
        return model;
    }

    /** The version of its bundle. */
    BackendVersion version() {
        return version;
    }

    /** The backend and what it brings; null once it is retired. */
    Facts facts() {
        return facts;
    }

    /** True if this is the entry of that object. */
    boolean isOf(Backend backend) {
        Facts present = facts;
        return present != null && present.backend() == backend;
    }

    /** Where it is in its life. */
    BackendStatus.State state() {
        return state;
    }

    /** Moves on in its life. */
    void become(BackendStatus.State newState) {
        state = newState;
        reason = "";
    }

    /** Takes what came of its trial. */
    void tried(Trial.Result result) {
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
    boolean isLastResort() {
        return lastResort;
    }

    /** Moves on in its life, for a reason. */
    void become(BackendStatus.State newState, String why) {
        reason = why;
        state = newState;
        if (newState == BackendStatus.State.FAILED) {
            events.failed(this, why);
        }
    }

    /** It is gone: forgets everything that is not plain data. */
    void retire() {
        facts = null;
        state = BackendStatus.State.RETIRED;
    }

    /** For users. */
    BackendStatus status() {
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
